/** Identifiers made in the browser. */

/** A UUID v4. `randomUUID` is missing on plain http away from localhost, so the bytes are the fallback. */
export function newEventId(source: Partial<Crypto> | undefined = globalThis.crypto): string {
  if (typeof source?.randomUUID === "function") return source.randomUUID();
  const bytes = new Uint8Array(16);
  if (typeof source?.getRandomValues === "function") source.getRandomValues(bytes);
  else bytes.forEach((_, i) => (bytes[i] = Math.floor(Math.random() * 256)));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Somebody whom no bundle can know: "visitor-4f9c2a". */
export function newVisitorId(): string {
  return `visitor-${newEventId().replaceAll("-", "").slice(0, 6)}`;
}
