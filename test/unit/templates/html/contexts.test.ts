/** Where static text leads: one line per text, with the parts of the context that differ from plain text. */
import { describe, expect, it } from 'vitest'
import { type Context, contextIn, contextText, textContext } from '../../../../src/templates/html/context.js'
import { escapeStatic } from '../../../../src/templates/html/static-text.js'

const double = { delim: 'delimDoubleQuote' } as const
const single = { delim: 'delimSingleQuote' } as const
const bare = { delim: 'delimSpaceOrTagEnd' } as const
const script = { ...double, attr: 'attrScript' } as const
const style = { ...double, attr: 'attrStyle' } as const
const inScript = { element: 'elementScript' } as const
const preQuery = { urlPart: 'urlPartPreQuery' } as const
const query = { urlPart: 'urlPartQueryOrFrag' } as const
const divides = { jsCtx: 'jsCtxDivOp' } as const

const cases: [string, Partial<Context>][] = [
  // Tags and names
  ['', {}],
  ['a <3 b', {}],
  ['<', {}],
  ['</', {}],
  ['<b', { state: 'stateTag' }],
  ['</b', { state: 'stateTag' }],
  ['<b >', {}],
  ['<b/>', {}],
  ['<x-y:z9', { state: 'stateTag' }],
  ['<a title', { state: 'stateAttrName' }],
  ['<a title ', { state: 'stateAfterName' }],
  ['<a title =\n', { state: 'stateBeforeValue' }],
  ['<a title= "', { state: 'stateAttr', ...double }],
  ["<a title='x>", { state: 'stateAttr', ...single }],
  ['<a title=x', { state: 'stateAttr', ...bare }],
  ['<a title=x ', { state: 'stateTag' }],
  ['<a title="x"', { state: 'stateTag' }],
  ['<a title="x>"b=\'', { state: 'stateAttr', ...single }],
  ['<a checked name="n"', { state: 'stateTag' }],
  ['<iframe srcdoc="', { state: 'stateAttr', ...double }],
  ['<track srclang="', { state: 'stateAttr', ...double }],
  // Comments and elements with text
  ['x<!-- y', { state: 'stateHTMLCmt' }],
  ['<!-->', { state: 'stateHTMLCmt' }],
  ['<!-- y -->', {}],
  ['<title>x<b>', { state: 'stateRCDATA', element: 'elementTitle' }],
  ['<TEXTAREA>x</textarea', { state: 'stateRCDATA', element: 'elementTextarea' }],
  ['<textarea>x</TextArea >', {}],
  // URLs
  ['<a href', { state: 'stateAttrName', attr: 'attrURL' }],
  ['<a href=', { state: 'stateBeforeValue', attr: 'attrURL' }],
  ['<a HREF="', { state: 'stateURL', ...double, attr: 'attrURL' }],
  ['<a href=" ', { state: 'stateURL', ...double, attr: 'attrURL' }],
  ['<a href="/x', { state: 'stateURL', ...double, ...preQuery, attr: 'attrURL' }],
  ['<a href=&quot;', { state: 'stateURL', ...bare, ...preQuery, attr: 'attrURL' }],
  ['<a href="/x?', { state: 'stateURL', ...double, ...query, attr: 'attrURL' }],
  ['<a href="/x&#35;y', { state: 'stateURL', ...double, ...query, attr: 'attrURL' }],
  ['<a data-url="', { state: 'stateURL', ...double, attr: 'attrURL' }],
  ['<a my:iconuri', { state: 'stateAttrName', attr: 'attrURL' }],
  ['<a xmlns:foo', { state: 'stateAttrName', attr: 'attrURL' }],
  ['<a xmlnsfoo', { state: 'stateAttrName' }],
  ['<svg xlink:href="', { state: 'stateURL', ...double, attr: 'attrURL' }],
  ['<img srcset="/a 1x,', { state: 'stateSrcset', ...double, ...preQuery, attr: 'attrSrcset' }],
  // Event handlers
  ['<a onclick="', { state: 'stateJS', ...script }],
  ['<a data-onx="', { state: 'stateJS', ...script }],
  ['<a onclick="f(', { state: 'stateJS', ...script }],
  ['<a onclick="f()', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="&quot;', { state: 'stateJSDqStr', ...script }],
  ['<a onclick="&quot;x&#34;', { state: 'stateJS', ...script, ...divides }],
  ["<a onclick=\"'it\\'s", { state: 'stateJSSqStr', ...script }],
  ["<a onclick=\"'x'", { state: 'stateJS', ...script, ...divides }],
  ['<a onclick=&#39;x', { state: 'stateJSSqStr', ...bare, attr: 'attrScript' }],
  ['<a onclick="// x', { state: 'stateJSLineCmt', ...script }],
  ['<a onclick="// x\ny', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="// x\u2028', { state: 'stateJS', ...script }],
  ['<a onclick="/*/', { state: 'stateJSBlockCmt', ...script }],
  ['<a onclick="/**/', { state: 'stateJS', ...script }],
  ['<a onclick="/x', { state: 'stateJSRegexp', ...script }],
  ['<a onclick="/x[/]', { state: 'stateJSRegexp', ...script }],
  ['<a onclick="/x\\/', { state: 'stateJSRegexp', ...script }],
  ['<a onclick="/x/', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="a /b', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="a /*c*/ /b', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="return /b', { state: 'stateJSRegexp', ...script }],
  ['<a onclick="areturn /b', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="a++ /b', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="a+++ /b', { state: 'stateJSRegexp', ...script }],
  ['<a onclick="1. /b', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="a[0] /b', { state: 'stateJS', ...script, ...divides }],
  ['<a onclick="{} /b', { state: 'stateJSRegexp', ...script }],
  // Scripts
  ['<script src="x" ', { state: 'stateTag', ...inScript }],
  ['<script>', { state: 'stateJS', ...inScript }],
  ['<SCRIPT>x', { state: 'stateJS', ...inScript, ...divides }],
  ['<script>x</script>', {}],
  ['<script>x</scripty>', { state: 'stateJSRegexp', ...inScript }],
  ['<script>"</script ', { state: 'stateTag' }],
  ['<script type="text/template">', {}],
  ['<script TYPE=text/x-handlebars>', {}],
  ['<script type="">', {}],
  ['<script type="Text/JavaScript; charset=utf-8">', { state: 'stateJS', ...inScript }],
  ['<script type="application/ld+json">', { state: 'stateJS', ...inScript }],
  ['<script type=module>', { state: 'stateJS', ...inScript }],
  // Style sheets and attributes
  ['<style>a', { state: 'stateCSS', element: 'elementStyle' }],
  ['<style>a { b: "</style>', {}],
  ['<p style="', { state: 'stateCSS', ...style }],
  ["<p svg:style='", { state: 'stateCSS', ...single, attr: 'attrStyle' }],
  ['<p style="// x', { state: 'stateCSSLineCmt', ...style }],
  ['<p style="// x\f', { state: 'stateCSS', ...style }],
  ['<p style="/* x', { state: 'stateCSSBlockCmt', ...style }],
  ['<p style="/* x */', { state: 'stateCSS', ...style }],
  ['<p style="a: \'', { state: 'stateCSSSqStr', ...style }],
  ['<p style="a: &quot;', { state: 'stateCSSDqStr', ...style }],
  ['<p style="a: \'/', { state: 'stateCSSSqStr', ...style, ...preQuery }],
  ['<p style="a: \'/x?', { state: 'stateCSSSqStr', ...style, ...query }],
  ['<p style="a: URL(', { state: 'stateCSSURL', ...style }],
  ['<p style="a: url (\t', { state: 'stateCSSURL', ...style }],
  ['<p style="a: curl(', { state: 'stateCSS', ...style }],
  ['<p style="a: url(&#x22;/', { state: 'stateCSSDqURL', ...style, ...preQuery }],
  ['<p style="a: url(\'/)', { state: 'stateCSSSqURL', ...style, ...preQuery }],
  ['<p style="a: url(x', { state: 'stateCSSURL', ...style, ...preQuery }],
  ['<p style="a: url(x)', { state: 'stateCSS', ...style }],
  ['<p style="a: url( x ', { state: 'stateCSS', ...style }],
]

describe('contexts', () => {
  it.each(cases)('%j', (text, parts) => {
    expect(contextText(escapeStatic(textContext, text).to)).toBe(contextText(contextIn(parts)))
  })
})

describe('static text', () => {
  it.each([
    ['a < b << c', 'a &lt; b &lt;&lt; c'],
    ['<b><</b>', '<b>&lt;</b>'],
    ['<!DOCTYPE html><p>', '<!DOCTYPE html><p>'],
    ['<!doctype html>', '<!doctype html>'],
    ['<!ELEMENT x>', '&lt;!ELEMENT x>'],
    ['a<!-- b -->c', 'ac'],
    ['a<<!-- --><!-- -->b', 'a&lt;b'],
    ['<textarea>a<b</textarea><b>', '<textarea>a&lt;b</textarea><b>'],
    ['<script>a /* b */ c // d\ne</script>', '<script>a   c \ne</script>'],
    ['<script>a/* b\n */c</script>', '<script>a\nc</script>'],
    ['<script>a/*b*//c</script>', '<script>a /c</script>'],
    ['<style>a /* b */ { // c\n d: e }</style>', '<style>a   { \n d: e }</style>'],
    ['<p style="a/* b */" onclick="c // d">', '<p style="a/* b */" onclick="c // d">'],
    ['<script>x < y</script>', '<script>x < y</script>'],
  ])('%j', (text, expected) => {
    expect(escapeStatic(textContext, text).text).toBe(expected)
  })
})
