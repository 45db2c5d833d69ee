import { describe, expect, it } from 'vitest'
import { ShardlineError } from '../../../src/errors.js'
import { decodeMembers, type JsonStruct, memberOf, withMemberNames } from '../../../src/go/json-members.js'

const struct: JsonStruct = {
  goType: 'client.Options',
  members: ['id', 'task', 'template-id', 'recording-time', 'vars', 'dbrps'],
  fault: (text) => new ShardlineError('invalid-json', text),
}
const decode = (text: string) => decodeMembers(Buffer.from(text), struct)

describe('members', () => {
  it.each([
    ['{"id":"a"}', 'a'],
    ['{"ID":"a"}', 'a'],
    ['{"Id":"a","id":"b"}', 'b'],
    ['{"id":"a","ID":"b"}', 'b'],
    ['{"id":"a","ID":"b","id":"c"}', 'c'],
    ['{"id":"a","ID":null}', 'a'],
    ['{"id":null}', ''],
    ['{"other":1}', ''],
    ['{}', ''],
    ['null', ''],
    ['{"id":"a"} and more', 'a'],
    ['{"id":"\\ud800x"}', '\ufffdx'],
    ['{"id":"\\ud83d\\ude00"}', '😀'],
  ])('%s', (text, id) => {
    expect(decode(text).string('id')).toBe(id)
  })

  it('have names in any case, with the two letters beyond ASCII that fold to it', () => {
    const members = decode('{"Template-ID":"t","TA\u017f\u212a":"x","recording-TIME":true}')
    expect(members.string('template-id')).toBe('t')
    expect(members.string('task')).toBe('x')
    expect(members.boolean('recording-time')).toBe(true)
    expect(memberOf(struct.members, 'template_id')).toBeUndefined()
    expect(memberOf(struct.members, 'constructor')).toBeUndefined()
  })

  it('that are maps become one, lists replace each other', () => {
    const members = decode('{"vars":{"a":1,"b":2},"VARS":{"b":3},"dbrps":[1],"DBRPs":[2,3]}')
    expect(Object.keys(members.map('vars', 'client.Vars'))).toEqual(['a', 'b'])
    expect(members.map('vars', 'client.Vars').b).toMatchObject({ text: '3' })
    expect(members.list('dbrps', '[]client.DBRP')).toHaveLength(2)
  })

  it('keep their values under the names of the struct', () => {
    expect(withMemberNames({ ID: 'a', Other: 1 }, struct.members)).toEqual({ id: 'a', Other: 1 })
  })
})

describe('what does not fit', () => {
  it.each([
    ['', 'EOF'],
    [' \n', 'EOF'],
    ['{"id":', 'unexpected EOF'],
    ['{"id":"a', 'unexpected EOF'],
    ['{"id":"a\\', 'unexpected EOF'],
    ['{"id":"\\u00', 'unexpected EOF'],
    ['{"id":tr', 'unexpected EOF'],
    ['{"id":-', 'unexpected EOF'],
    ['{"id":1.', 'unexpected EOF'],
    ['x', "invalid character 'x' looking for beginning of value"],
    ['nope', "invalid character 'o' in literal null (expecting 'u')"],
    ['{"a":trUe}', "invalid character 'U' in literal true (expecting 'u')"],
    ['{id:1}', "invalid character 'i' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{"a":-x}', "invalid character 'x' in numeric literal"],
    ['{"a":1.x}', "invalid character 'x' after decimal point in numeric literal"],
    ['{"a":1e+x}', "invalid character 'x' in exponent of numeric literal"],
    ['{"a":"\n"}', "invalid character '\\n' in string literal"],
    ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
    ['{"a":"\\u00x0"}', "invalid character 'x' in \\u hexadecimal character escape"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['é', "invalid character 'Ã' looking for beginning of value"],
    ['[]', 'json: cannot unmarshal array into Go value of type client.Options'],
    ['5', 'json: cannot unmarshal number into Go value of type client.Options'],
  ])('%j', (text, error) => {
    expect(() => decode(text)).toThrow(new ShardlineError('invalid-json', error))
  })

  it.each([
    ['{"ID":5}', 'json: cannot unmarshal number into Go struct field Options.id of type string'],
    ['{"id":true}', 'json: cannot unmarshal bool into Go struct field Options.id of type string'],
    ['{"id":{}}', 'json: cannot unmarshal object into Go struct field Options.id of type string'],
  ])('%j', (text, error) => {
    expect(() => decode(text).string('id')).toThrow(new ShardlineError('invalid-json', error))
  })

  it('names the types of lists, maps and flags', () => {
    const text = 'json: cannot unmarshal string into Go struct field Options.'
    const members = decode('{"vars":"x","dbrps":"x","recording-time":"x"}')
    expect(() => members.map('vars', 'client.Vars')).toThrow(`${text}vars of type client.Vars`)
    expect(() => members.list('dbrps', '[]client.DBRP')).toThrow(`${text}dbrps of type []client.DBRP`)
    expect(() => members.boolean('recording-time')).toThrow(`${text}recording-time of type bool`)
  })
})
