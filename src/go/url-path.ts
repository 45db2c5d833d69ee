/**
 * Ids in the paths of URLs. Links carry ids as they are, like the original's: its client escapes what it takes from a link once
 * more, so escapes in it would arrive as part of the id. What makes a request from a link escapes what URLs cannot hold. Thread: any.
 */

const dots = /^\.\.?$/
const escapeDots = (id: string): string => id.replaceAll('.', '%2E')
// biome-ignore lint/suspicious/noControlCharactersInRegex: URL parsers drop them
const notInSegment = /[/?#\\%\u0000-\u001f]/g

/** An id in a link: only what would end the segment, or be read as an escape or another folder, is escaped. */
export const linkSegment = (id: string): string =>
  dots.test(id) ? escapeDots(id) : id.replace(notInSegment, encodeURIComponent)

/** An id in the path of a request. */
export const requestSegment = (id: string): string => (dots.test(id) ? escapeDots(id) : encodeURIComponent(id))

/** The path of a link, with or without a query, as it is sent: what is no printable ASCII escaped, all else as it is. */
export const requestTarget = (target: string): string => target.replace(/[^\x21-\x7e]+/g, encodeURIComponent)
