/** Escapers see their argument as text and know whether it is of a kind that some places take as it is. Thread: any. */
import { sprint } from '../print.js'
import { HtmlText, JsText, type TemplateValue } from '../values.js'

/** Stands where a value would do harm: no keyword anywhere, and easy to search for. */
export const failsafe = 'ZgotmplZ'

export type TextType = 'plain' | 'html' | 'js'

export type Escaper = (args: readonly TemplateValue[]) => string

export function textOf(convert: (s: string, type: TextType) => string): Escaper {
  return (args) => {
    const [v] = args
    if (args.length === 1) {
      if (typeof v === 'string') return convert(v, 'plain')
      if (v instanceof HtmlText) return convert(v.text, 'html')
      if (v instanceof JsText) return convert(v.text, 'js')
    }
    // Values that do not exist print nothing here.
    return convert(sprint(args.filter((a) => a !== undefined)), 'plain')
  }
}
