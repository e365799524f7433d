/**
 * Line icons on a 16 px grid, drawn with the text colour. Decorative: the label stands beside or on the
 * button.
 */
const paths = {
  list: "M2.5 4h11M2.5 8h8M2.5 12h5",
  sun: [
    "M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3",
    "M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  ].join(""),
  moon: "M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.7 10.7 14 14",
  spark: "M8 1.8 9.5 6.5 14.2 8 9.5 9.5 8 14.2 6.5 9.5 1.8 8l4.7-1.5L8 1.8Z",
  refresh: "M13.5 3v3.2h-3.2M2.5 13V9.8h3.2M13 6.2A5.4 5.4 0 0 0 3.4 5M3 9.8A5.4 5.4 0 0 0 12.6 11",
  check: "m3 8.5 3.2 3.2L13 5",
  close: "m4 4 8 8M12 4l-8 8",
  copy: "M6 5.5h7v8H6zM10 5.5V3H3v8h3",
  warn: "M8 2 14.5 13.5h-13L8 2ZM8 6.5v3M8 11.6v.1",
  snow: "M8 1.5v13M2.4 4.75l11.2 6.5M13.6 4.75 2.4 11.25M6.3 2.7 8 4.2l1.7-1.5M6.3 13.3 8 11.8l1.7 1.5",
  up: "M8 13V3.5M4 7l4-4 4 4",
  down: "M8 3v9.5M4 9l4 4 4-4",
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  user: "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8ZM2.8 14a5.2 5.2 0 0 1 10.4 0",
  branch: "M4 2.5v11M4 8c5 0 8-1 8-4M12 4V2.5",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
