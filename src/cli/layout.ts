/** Columns and dates as the original's CLI prints them. Widths are taken over bytes, padding counts code points. */

const byteWidth = (text: string): number => Buffer.byteLength(text)

export function padEnd(text: string, width: number): string {
  const missing = width - [...text].length
  return missing > 0 ? text + ' '.repeat(missing) : text
}

export function padStart(text: string, width: number): string {
  const missing = width - [...text].length
  return missing > 0 ? ' '.repeat(missing) + text : text
}

/** Longest cell of a column (header included) plus one. */
export function columnWidth(header: string, cells: readonly string[]): number {
  let widest = byteWidth(header)
  for (const cell of cells) widest = Math.max(widest, byteWidth(cell))
  return widest + 1
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `02 Jan 06 15:04 MST` in the zone that stands in the RFC 3339 text. */
export function dateInItsZone(rfc3339: string): string {
  const m = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2}):\d{2}(?:\.\d+)?(Z|[-+]\d{2}:\d{2})$/.exec(rfc3339)
  if (m === null) return rfc3339
  const zone = m[5] === 'Z' ? 'UTC' : m[5].replace(':', '')
  return `${m[3]} ${months[Number(m[2]) - 1]} ${m[1].slice(2)} ${m[4]} ${zone}`
}

/** `02 Jan 06 15:04 MST` in the local zone, as lists show times. */
export function localDate(rfc3339: string): string {
  const at = new Date(rfc3339)
  if (Number.isNaN(at.getTime())) return rfc3339
  const two = (n: number): string => String(n).padStart(2, '0')
  const zone = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
    .formatToParts(at)
    .find((part) => part.type === 'timeZoneName')
  const day = `${two(at.getDate())} ${months[at.getMonth()]} ${two(at.getFullYear() % 100)}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())} ${zone?.value ?? 'UTC'}`
}

/** `["db"."rp" "db2"."rp2"]` */
export function dbrpsText(dbrps: readonly { db: string; rp: string }[]): string {
  return `[${dbrps.map((d) => `${JSON.stringify(d.db)}.${JSON.stringify(d.rp)}`).join(' ')}]`
}
