/**
 * Longest-prefix routing as in the original: a pattern that ends in `/` matches its subtree, any other matches exactly; a
 * wrong method is the same as an unknown path. Adding a resource is one `add`. Thread: main.
 */
import type { Call } from './call.js'

export type Resource = (call: Call) => void | Promise<void>

export const methods = ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'] as const

export class Router {
  private readonly exact = new Map<string, Resource>()
  /** Longest first. */
  private readonly subtrees: { method: string; prefix: string; resource: Resource }[] = []

  /** `method` may list several: `GET,HEAD`. */
  add(method: string, pattern: string, resource: Resource): void {
    for (const m of method.split(',')) {
      if (!pattern.endsWith('/')) this.exact.set(`${m} ${pattern}`, resource)
      else {
        this.subtrees.push({ method: m, prefix: pattern, resource })
        this.subtrees.sort((a, b) => b.prefix.length - a.prefix.length)
      }
    }
  }

  find(method: string, path: string): Resource | undefined {
    const exact = this.exact.get(`${method} ${path}`)
    if (exact !== undefined) return exact
    return this.subtrees.find((s) => s.method === method && path.startsWith(s.prefix))?.resource
  }

  /** Pattern → methods, sorted. */
  list(): Map<string, string[]> {
    const all = [...this.exact.keys()].map((k) => k.split(' ') as [string, string])
    for (const s of this.subtrees) all.push([s.method, s.prefix])
    const out = new Map<string, string[]>()
    for (const [method, pattern] of all) out.set(pattern, [...(out.get(pattern) ?? []), method].sort())
    return out
  }
}
