/**
 * All checks of the doctor. In each level, findings are shown in this order.
 *
 * @module
 */

import { APPLICATION_CHECK } from "./application_check.ts";
import { AUDIT_CHECKS } from "./audit_checks.ts";
import { BOOT_CHECKS } from "./boot_checks.ts";
import type { Check } from "./check.ts";
import { CLUSTER_CHECKS } from "./cluster_checks.ts";
import { DIRECTOR_CHECKS } from "./director_checks.ts";
import { HOST_CHECKS } from "./host_checks.ts";
import { NOTES } from "./notes.ts";
import { REVERSE_PATH_CHECK, STRICT_FILTER_NOTE } from "./reverse_path_checks.ts";

export const CHECKS: readonly Check[] = [
  ...DIRECTOR_CHECKS,
  ...AUDIT_CHECKS,
  REVERSE_PATH_CHECK,
  ...HOST_CHECKS,
  APPLICATION_CHECK,
  ...CLUSTER_CHECKS,
  ...BOOT_CHECKS,
  ...NOTES,
  STRICT_FILTER_NOTE,
];
