// Text of others, made safe to look at.
//
// The page never turns telemetry into HTML: everything is set as text. What is left is text that
// deceives the eye: control characters, and marks that turn the direction of what stands around them.

/** C0 and C1 controls but tab and line feed, zero-width and direction marks, lone surrogates. */
// eslint-disable-next-line no-control-regex
const DECEIVING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** JSON that is at most so long stays on one line. */
const SHORT = 100;

function named(mark: string): string {
  const code = mark.charCodeAt(0);
  // Unicode has a picture for each of these controls.
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`;
}

/** The text with every character that cannot be seen made visible. */
export function visible(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(DECEIVING, named);
}

/** At most `most` characters on one line, for rows and titles. */
export function line(text: string, most = 200): string {
  // Only so much is looked at: a value may be megabytes long.
  const start = text.slice(0, most + 1).replace(/\s+/g, ' ');
  const shown = visible(start.slice(0, most));
  return text.length > most ? `${shown}\u2026` : shown;
}

/** A value of an attribute as text. Bytes, large integers and numbers that JSON lacks have their own forms. */
export function value(of: unknown): string {
  if (typeof of === 'string') return of;
  if (of === null || of === undefined) return '';
  if (typeof of !== 'object') return String(of);
  const plain = of as Record<string, unknown>;
  if (typeof plain['$int'] === 'string') return plain['$int'];
  if (typeof plain['$double'] === 'string') return plain['$double'];
  if (typeof plain['$bytes'] === 'string') return `base64: ${plain['$bytes']}`;
  return compact(of);
}

/** JSON on one line where it is short. */
function compact(of: unknown): string {
  const flat = JSON.stringify(of);
  return flat.length <= SHORT ? flat : JSON.stringify(of, null, 2);
}

/** Text that holds JSON, laid out; any other text as it is. */
export function pretty(text: string): string {
  const first = text.trimStart()[0];
  if ((first !== '{' && first !== '[') || text.length > 1_000_000) return text;
  try {
    return compact(JSON.parse(text));
  } catch {
    return text;
  }
}
