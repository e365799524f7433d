/** Numbers, counts and colours as people read them. */

const whole = new Intl.NumberFormat("en");

export function plural(n: number, noun: string): string {
  return `${whole.format(n)} ${noun}${n === 1 ? "" : "s"}`;
}

export function count(n: number): string {
  return whole.format(n);
}

/** Three significant digits below a thousand; a dash where there is no number. */
export function score(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return whole.format(Math.round(value));
  return size > 0 && size < 0.001 ? value.toExponential(1) : value.toPrecision(3);
}

export function millis(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  return ms < 0.01 ? "<0.01 ms" : `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}

/** "5 min ago" from UTC seconds or an ISO text; empty if it is neither. */
export function ago(when: number | string | null | undefined, now = Date.now()): string {
  const at = typeof when === "number" ? when * 1000 : Date.parse(when ?? "");
  if (!Number.isFinite(at)) return "";
  const seconds = Math.max(0, (now - at) / 1000);
  if (seconds < 5) return "just now";
  const steps = [
    [60, 1, "s"],
    [3600, 60, "min"],
    [86_400, 3600, "h"],
    [86_400 * 60, 86_400, "d"],
  ] as const;
  for (const [below, unit, name] of steps) {
    if (seconds < below) return `${Math.floor(seconds / unit)} ${name} ago`;
  }
  return new Date(at).toISOString().slice(0, 10);
}

/** A stable angle on the colour wheel for a name. */
export function hueOf(name: string): number {
  let hash = 2166136261;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  return ((hash >>> 8) % 24) * 15;
}
