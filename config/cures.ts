/**
 * What to write instead of a value of the wrong kind: what was meant where it can be told, an example of the schema
 * where it cannot.
 *
 * @module
 */

import { stringify } from "yaml";
import { METHODS } from "../model/config.ts";
import { readAddress } from "./address.ts";
import { spelledDuration } from "./duration.ts";
import { readListen } from "./listen.ts";
import { meantWord } from "./other_words.ts";
import { HIGHEST_PORT, isServiceName, nameRemedy, spelledPorts, translationRemedy } from "./port_list.ts";
import { quote } from "./reading.ts";
import { HIGHEST_CPU, type JsonSchema, readInterface } from "./schema.ts";
import { alternatives, isMapping } from "./schema_lookup.ts";
import { HIGHEST_VLAN } from "./service_schema.ts";
import type { Path } from "./yaml_source.ts";

/** How values are printed that an operator may copy: in one line, in brackets. */
function flow(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trim()
    .replaceAll("[ ", "[").replaceAll(" ]", "]");
}

/** The example of a schema as an operator may copy it; `null` if there is none. */
export function exampleOf(schemas: readonly JsonSchema[]): string | null {
  const [example] = schemas.flatMap(({ examples = [] }) => examples);
  return example === undefined ? null : flow(example);
}

/** What to write, or `null` where it cannot be told from the value. */
type Meant = (value: unknown) => string | null;

const VLAN: Meant = (value) => {
  const vlan = /^[a-z]\w*\.([1-9][0-9]{0,3})$/.exec(String(value))?.[1];
  return vlan === undefined || Number(vlan) > HIGHEST_VLAN ? null : `write ${vlan}`;
};

/** HTTPS by any of its names. */
const HTTPS = /^(https|ssl|tls)(?![a-z])/i;
const HTTPS_CURE = "HTTPS is not checked";

/** What single keys are often given instead of what they take. */
const MEANT: Readonly<Record<string, Meant>> = {
  "": (value) => Array.isArray(value) ? "write services: in a line above the list" : null,
  "director": (value) =>
    typeof value === "string" && isShown(value) && readInterface(value).ok
      ? `write ${flow({ interface: value })}`
      : null,
  "director.interface": (value) =>
    Array.isArray(value) && value.length > 1 ? "write the one of the VIPs" : null,
  "director.cpus": (value) => {
    const [, first, last] = /^([0-9]{1,4})-([0-9]{1,4})$/.exec(String(value)) ?? [];
    const count = Number(last) - Number(first) + 1;
    if (!(count >= 1 && count <= 64 && Number(last) <= HIGHEST_CPU)) return null;
    return `write ${flow(Array.from({ length: count }, (_, i) => Number(first) + i))}`;
  },
  "status": (value) => readListen(String(value)).ok ? `write ${flow({ listen: value })}` : null,
  "realserver": (value) =>
    METHODS.some((method) => method === value) ? `write ${flow({ method: value })}` : null,
  // An example of a token would be copied.
  "realserver.status": () =>
    "write { port: 8481, token: TOKEN } with the output of openssl rand -hex 16 for TOKEN, or remove the key",
  "services": (value) => {
    const [name, inner] = isMapping(value) ? Object.entries(value)[0] ?? [] : [];
    return name !== undefined && isMapping(inner)
      ? `write "- name: NAME" instead of ${quote(`${name}:`)}, and so with the others`
      : null;
  },
  "services[].vip": (value) =>
    Array.isArray(value) && value.length > 1 ? "write one, and a service for each other one" : null,
  "services[].vlan": (value) =>
    /^(none|untagged|off)$/.test(String(value))
      ? "remove the key, without it the VIP is untagged"
      : VLAN(value),
  "services[].protocol": (value) => {
    if (Array.isArray(value) || /^(both|any|all)$|[/,+]/.test(String(value))) {
      return "write one, and another service for the other one";
    }
    return /^(https?|tls|ssl|6)$/i.test(String(value)) ? "write tcp" : null;
  },
  "services[].port": (value) => {
    const ports = portsOf(value);
    if (ports === null || typeof ports === "number") return translation(value) ?? serviceName(value);
    return `write ports: ${flow(ports)} instead`;
  },
  "services[].ports": (value) => {
    const ports = portsOf(value);
    if (ports === null) return translation(value) ?? serviceName(value);
    return `write ${flow(typeof ports === "number" ? [ports] : ports)}`;
  },
  "services[].persistence": (value) => {
    if (value === false || /^(off|no|none)$/.test(String(value))) {
      return "remove the key, without it there is none";
    }
    const timeout = spelledDuration(typeof value === "number" ? `${value}s` : String(value));
    return timeout === null ? null : `write ${flow({ timeout })}`;
  },
  "services[].allow": (value) =>
    /^(any|all)$/.test(String(value)) || (Array.isArray(value) && value.length === 0)
      ? "remove the key, without it all clients may"
      : null,
  "services[].deny": (value) => /^(none|off|no)$/.test(String(value)) ? "write [] or remove the key" : null,
  "services[].health": (value) => {
    const word = String(value).toLowerCase();
    if (/^(false|off|no|disabled|never)$/.test(word)) return "write none";
    if (HTTPS.test(word)) return `write { type: tcp }, ${HTTPS_CURE}`;
    if (/^(http$|http:|\/)/.test(word)) {
      const path = /^(?:http:\/\/[^/]*)?(\/[!-~]*)$/i.exec(String(value))?.[1] ?? "/";
      return isShown(path) ? `write ${flow({ type: "http", path })}` : null;
    }
    return ["tcp", "dr"].includes(word) ? `write ${flow({ type: word })}` : null;
  },
  "services[].health.type": (value) => HTTPS.test(String(value)) ? `write tcp, ${HTTPS_CURE}` : null,
  "services[].servers[]": (value) => {
    const text = String(value);
    const [, host = text, port] = /^([^:]+):([1-9][0-9]{0,4})$/.exec(text) ?? [];
    const address = readAddress(host);
    if (!address.ok || Number(port ?? 0) > HIGHEST_PORT) return null;
    const another = port === undefined
      ? ""
      : `, it gets the ports of the service; if ${port} is another one, add port: ${port} and realserver.method: redirect`;
    return `write ${flow({ address: address.value })}${another}`;
  },
  "services[].servers[].address": (value) =>
    Array.isArray(value) && value.length > 1 ? "write one, and an entry for each other one" : null,
  "services[].servers[].vlan": VLAN,
};

/** Whether a text may be repeated: it is short, and looks like no secret. */
function isShown(text: string): boolean {
  return quote(text) === JSON.stringify(text);
}

/** Ports in any form that people write them in, as `ports` takes them, or one of them; `null` if it is none. */
function portsOf(value: unknown): unknown {
  if (/^(any|all|\*)$/i.test(String(value))) return "any";
  const ports = isMapping(value) ? null : spelledPorts(String(value));
  return ports?.length === 1 && typeof ports[0] === "number" && !Array.isArray(value) ? ports[0] : ports;
}

function translation(value: unknown): string | null {
  return typeof value === "string" ? translationRemedy(value) : null;
}

function serviceName(value: unknown): string | null {
  return typeof value === "string" && isServiceName(value) ? nameRemedy(value) : null;
}

/** A path as the keys of {@linkcode MEANT} name it. */
export function keyPath(path: Path): string {
  return path.map((part, i) => typeof part === "number" ? "[]" : `${i === 0 ? "" : "."}${String(part)}`).join(
    "",
  );
}

/**
 * What to write at `path` instead of `value`, in the imperative.
 *
 * @param schemas What may stand there; at least one.
 * @param isRequired Whether the key cannot be left out.
 */
export function cureFor(
  path: Path,
  schemas: readonly JsonSchema[],
  value: unknown,
  isRequired: boolean,
): string {
  const meant = MEANT[keyPath(path)]?.(value) ?? null;
  if (meant !== null) return meant;
  const example = exampleOf(schemas);
  if (value === null) {
    const instead = isRequired ? "" : ", or remove the key";
    return example === null ? `write a value${instead}` : `write ${example}${instead}`;
  }
  const words = schemas.flatMap((schema) =>
    schema.enum ?? (schema.const === undefined ? [] : [schema.const])
  );
  const nearest = typeof value === "string" ? meantWord(value, words) : null;
  if (nearest !== null) return `did you mean "${nearest}"?`;
  const types = new Set(schemas.map(({ type }) => type));
  if (types.has("object")) {
    return typeof value === "string" && /^[\w-]+ *[=:]/.test(value)
      ? "write KEY: VALUE in each line, with a space behind the colon"
      : `write ${example}`;
  }
  if (types.has("array")) return listCure(value, schemas, example);
  if (Array.isArray(value)) {
    return value.length === 1 ? "write its entry without brackets" : "write one of its entries";
  }
  if (types.has("boolean")) return booleanCure(value);
  if (types.has("integer")) return numberCure(value, schemas);
  if (words.length > 0) return "write one of them";
  return isMapping(value) ? `write ${example}` : "put it in quotes";
}

function listCure(value: unknown, schemas: readonly JsonSchema[], example: string | null): string {
  const takesMappings = schemas.some(({ items }) => items?.type === "object");
  if (isMapping(value) && takesMappings) return 'write "- " before the first key of each entry';
  const [most] = schemas.flatMap(({ maxItems = [] }) => maxItems);
  if (Array.isArray(value) && most !== undefined && value.length > most) return `list ${most} or fewer`;
  const isEntry = isShown(String(value)) &&
    schemas.some(({ items }) => items !== undefined && alternatives(items, value).some(takes(value)));
  return `write ${isEntry ? `[${flow(value)}]` : example}`;
}

/** Whether a single value is one that a schema allows. */
function takes(value: unknown): (schema: JsonSchema) => boolean {
  return ({ type, enum: words, minimum = 0, maximum = Infinity, pattern = "" }) =>
    type === "integer"
      ? typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum
      : type === "string" && typeof value === "string" &&
        (words?.includes(value) ?? new RegExp(pattern).test(value));
}

function booleanCure(value: unknown): string {
  const word = String(value).toLowerCase();
  if (word === "true" || word === "false") return `write ${word} without quotes`;
  if (/^(yes|on|y|1|enabled?)$/.test(word)) return "write true";
  return /^(no|off|n|0|disabled?|none)$/.test(word) ? "write false" : "write one of them";
}

const THOUSANDS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

function numberCure(value: unknown, schemas: readonly JsonSchema[]): string {
  const { minimum = 0, maximum = Infinity } = schemas.find(({ type }) => type === "integer")!;
  const inside = (number: number): boolean =>
    Number.isInteger(number) && number >= minimum && number <= maximum;
  if (typeof value === "number") {
    if (value < minimum) return `write ${minimum} or more`;
    if (value > maximum) return `write ${maximum} or less`;
    const near = [Math.floor(value), Math.ceil(value)].filter(inside);
    return near.length === 0 ? "write a number in digits" : `write ${near.join(" or ")}`;
  }
  if (typeof value === "string") {
    if (inside(Number(value)) && value.trim() !== "") return `write ${Number(value)} without quotes`;
    // Digits alone, or thousands of them that are set apart.
    const [, digits = "", unit = ""] =
      /^([0-9]+|[0-9]{1,3}(?:[_,' ][0-9]{3})+) ?([kmg]?)(?:\/s|%)?$/i.exec(value) ?? [];
    const meant = Number(digits.replace(/[_,' ]/g, "")) * (THOUSANDS[unit.toLowerCase()] ?? NaN);
    if (digits !== "" && inside(meant)) return `write ${meant}`;
  }
  return "write it in digits only";
}
