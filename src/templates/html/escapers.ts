/** The escapers that are added to pipelines, by the names that they have there. Thread: any. */
import type { TemplateFunction } from '../functions.js'
import { plainText } from '../functions.js'
import { cssEscaper, cssValueFilter } from './css-escapers.js'
import {
  attributeEscaper,
  commentEscaper,
  htmlEscaper,
  nameFilter,
  rcdataEscaper,
  unquotedEscaper,
} from './html-escapers.js'
import { regexpEscaper, stringEscaper, valueEscaper } from './js-escapers.js'
import type { Escaper } from './text-of.js'
import { srcsetEscaper, urlEscaper, urlFilter, urlNormalizer } from './url-escapers.js'

const escapers = {
  _html_template_attrescaper: attributeEscaper,
  _html_template_commentescaper: commentEscaper,
  _html_template_cssescaper: cssEscaper,
  _html_template_cssvaluefilter: cssValueFilter,
  _html_template_htmlescaper: htmlEscaper,
  _html_template_htmlnamefilter: nameFilter,
  _html_template_jsregexpescaper: regexpEscaper,
  _html_template_jsstrescaper: stringEscaper,
  _html_template_jsvalescaper: valueEscaper,
  _html_template_nospaceescaper: unquotedEscaper,
  _html_template_rcdataescaper: rcdataEscaper,
  _html_template_srcsetescaper: srcsetEscaper,
  _html_template_urlescaper: urlEscaper,
  _html_template_urlfilter: urlFilter,
  _html_template_urlnormalizer: urlNormalizer,
  /** The arguments of a predefined escaper as one text. */
  _eval_args_: plainText as Escaper,
} satisfies Record<string, Escaper>

export type EscaperName = keyof typeof escapers

export const escaperFunctions: Readonly<Record<string, TemplateFunction>> = Object.fromEntries(
  Object.entries(escapers).map(([name, call]) => [name, { params: [], variadic: true, call }]),
)
