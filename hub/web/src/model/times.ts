// Times and amounts in words, in the viewer's own time zone. Pure.

const units: [string, number][] = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** 3723000 -> "1 h 2 min": the two largest units. */
export function duration(milliseconds: number): string {
  let seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const parts: string[] = [];
  for (const [name, size] of units.slice(first, first + 2)) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(" ");
}

/** "12 s ago"; a time that lies ahead is "now". */
export function ago(milliseconds: number): string {
  return milliseconds < 1000 ? "now" : `${duration(milliseconds)} ago`;
}

const parts = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
const moment = new Intl.DateTimeFormat(undefined, parts);
const momentOfAnotherYear = new Intl.DateTimeFormat(undefined, { year: "numeric", ...parts });
const brief = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/** A time of the API for the viewer; what is no time is shown as it came. */
export function localTime(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) return text;
  return (new Date(time).getFullYear() === new Date().getFullYear() ? moment : momentOfAnotherYear).format(time);
}

export function briefTime(milliseconds: number): string {
  return brief.format(milliseconds);
}

/** "Europe/Bucharest" */
export function viewersZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

export function counted(number: number, what: string): string {
  return `${number.toLocaleString("en-GB")} ${what}${number === 1 ? "" : "s"}`;
}

const byteUnits = ["kB", "MB", "GB", "TB", "PB", "EB"];

/** 1540 -> "1.5 kB". */
export function byteText(bytes: number | undefined | null): string {
  if (!((bytes ?? 0) >= 1000)) return counted(Math.round(bytes ?? 0), "byte");
  let amount = (bytes ?? 0) / 1000;
  let unit = 0;
  for (; amount >= 999.5 && unit + 1 < byteUnits.length; ++unit) amount /= 1000;
  return `${amount < 9.95 ? amount.toFixed(1) : amount.toFixed(0)} ${byteUnits[unit]}`;
}
