/**
 * States as shape and word: colour alone tells nothing to one reader in twelve.
 *
 * @module
 */

import type { JSX } from "hono/jsx/jsx-runtime";
import type { RealServerStatus } from "../model/status_snapshot.ts";
import { describeState, type Tone } from "./assessment.ts";

/** A disc, triangle, square or pause sign in a box of 16 by 16, to be drawn into an SVG. */
export function Shape({ tone }: { tone: Tone }): JSX.Element {
  switch (tone) {
    case "ok":
      return <path class="shape ok" d="M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12z" />;
    case "warning":
      return <path class="shape warning" d="M8 1.5 15 14.5H1z" />;
    case "error":
      return <path class="shape error" d="M2.5 2.5h11v11h-11z" />;
    case "paused":
      return <path class="shape paused" d="M3 2h4v12H3zM9 2h4v12H9z" />;
  }
}

/** The shape as an icon beside text that says the same. */
export function Icon({ tone }: { tone: Tone }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <Shape tone={tone} />
    </svg>
  );
}

export function StateBadge({ server }: { server: RealServerStatus }): JSX.Element {
  const { tone, word } = describeState(server);
  return (
    <span class={`badge ${tone}`}>
      <Icon tone={tone} />
      {word}
    </span>
  );
}
