import { describe, expect, it } from 'vitest'
import { applyPatch } from '../../../src/api/topics-json-patch.js'
import { type Json, parseLosslessJson, plainJson } from '../../../src/go/lossless-json.js'

const json = (value: unknown): Json => parseLosslessJson(JSON.stringify(value))
const patch = (document: unknown, operations: unknown): unknown =>
  plainJson(applyPatch(json(document), json(operations)))

describe('JSON patch', () => {
  it.each([
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [{ a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2] }],
    [{ a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    [{ a: [1, 2] }, [{ op: 'remove', path: '/a/0' }], { a: [2] }],
    [{ a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: null }], { a: { b: null } }],
    [{ a: [1, 2] }, [{ op: 'replace', path: '/a/1', value: 3 }], { a: [1, 3] }],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
    [{ a: { x: 1 }, b: {} }, [{ op: 'move', from: '/a/x', path: '/b/y' }], { a: {}, b: { y: 1 } }],
    [
      { a: { x: [1] } },
      [
        { op: 'copy', from: '/a/x', path: '/c' },
        { op: 'add', path: '/c/-', value: 2 },
      ],
      { a: { x: [1] }, c: [1, 2] },
    ],
    [{ 'a/b': { '~': 1 } }, [{ op: 'replace', path: '/a~1b/~0', value: 2 }], { 'a/b': { '~': 2 } }],
    [{ a: 1 }, [{ op: 'test', path: '/a', value: 1.0 }], { a: 1 }],
    [{ a: { b: [1, 'x'] } }, [{ op: 'test', path: '/a', value: { b: [1, 'x'] } }], { a: { b: [1, 'x'] } }],
  ])('%j with %j', (document, operations, expected) => {
    expect(patch(document, operations)).toEqual(expected)
  })

  it.each([
    [{ op: 'remove', path: '/x' }, 'there is no value at /x'],
    [{ op: 'replace', path: '/x', value: 1 }, 'there is no value at /x'],
    [{ op: 'add', path: '/x/y', value: 1 }, 'there is no value at /x'],
    [{ op: 'add', path: '/list/5', value: 1 }, 'there is no value at /list/5'],
    [{ op: 'remove', path: '/list/01' }, 'there is no value at /list/01'],
    [{ op: 'test', path: '/a', value: 2 }, 'test of "/a" failed'],
    [{ op: 'test', path: '/a', value: '1' }, 'test of "/a" failed'],
    [{ op: 'add', path: 'a', value: 1 }, '"path" is not a JSON pointer'],
    [{ op: 'move', path: '/o/p', from: '/o' }, 'cannot move into itself'],
    [{ op: 'move', path: '/a' }, '"from" is not a JSON pointer'],
    [{ op: 'add', path: '/a' }, 'operation "add" needs a "value"'],
    [{ op: 'nope', path: '/a' }, 'unknown operation "nope"'],
    [{ path: '/a' }, 'an operation is an object with "op"'],
    [{ op: 'remove', path: '' }, 'cannot remove the whole document'],
  ])('%j is refused', (operation, reason) => {
    expect(() => patch({ a: 1, list: [1], o: {} }, [operation])).toThrow(`failed to apply patch: ${reason}`)
  })

  it('does not change what it is given, and knows no prototypes', () => {
    const document = json({ a: [1] })
    applyPatch(document, json([{ op: 'add', path: '/a/-', value: 2 }]))
    expect(plainJson(document)).toEqual({ a: [1] })
    expect(() => patch({ a: 1 }, [{ op: 'add', path: '/__proto__/x', value: 1 }])).toThrow('there is no value')
    expect(({} as { x?: number }).x).toBeUndefined()
    expect(() => patch({}, { op: 'add' })).toThrow('a patch is a list of operations')
  })
})
