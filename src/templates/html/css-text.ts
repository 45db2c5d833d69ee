/** Escapes in the text of style sheets. Thread: any. */

/** Resolves `\26`, `\000026 ` and `\x`. */
export function decodeCss(s: string): string {
  if (!s.includes('\\')) return s
  return s.replace(/\\(?:([0-9a-fA-F]{1,6})(\r\n|[\t\n\f\r ])?|([^0-9a-fA-F])|$)/gsu, (_all, hex, space, char) => {
    if (hex === undefined) return char ?? ''
    let code = Number.parseInt(hex, 16)
    let rest = ''
    if (code > 0x10ffff) {
      rest = hex.slice(-1) + (space ?? '')
      code >>= 4
    }
    return (code >= 0xd800 && code <= 0xdfff ? '\ufffd' : String.fromCodePoint(code)) + rest
  })
}
