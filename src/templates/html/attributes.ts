/** What the value of an HTML attribute is, judged by its name: a table, and guesses that err on the safe side for the rest. Thread: any. */

export type AttributeKind = 'plain' | 'url' | 'js' | 'css' | 'srcset' | 'html' | 'unsafe'

const kinds = new Map<string, AttributeKind>()
const add = (kind: AttributeKind, names: string) => {
  for (const name of names.split(' ')) kinds.set(name, kind)
}
add('url', 'action archive background cite classid codebase data formaction href icon longdesc manifest poster profile')
add('url', 'src usemap xmlns')
// Names that change how other content is read or what a form sends.
add('unsafe', 'accept-charset async challenge charset content crossorigin defer enctype form formenctype formmethod')
add('unsafe', 'formnovalidate http-equiv keytype language method novalidate pattern rel sandbox type value')
add('css', 'style')
add('srcset', 'srcset')
add('html', 'srcdoc')
// Plain, although its name has `src` in it.
add('plain', 'srclang')

/** `name` in lower case. */
export function attributeKind(name: string): AttributeKind {
  let bare = name
  const colon = name.indexOf(':')
  if (name.startsWith('data-')) bare = name.slice(5)
  else if (colon >= 0) {
    if (name.slice(0, colon) === 'xmlns') return 'url'
    bare = name.slice(colon + 1)
  }
  const known = kinds.get(bare)
  if (known !== undefined) return known
  if (bare.startsWith('on')) return 'js'
  return /src|uri|url/.test(bare) ? 'url' : 'plain'
}
