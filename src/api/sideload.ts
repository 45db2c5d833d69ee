/** POST /kapacitor/v1/sideload/reload. Thread: main. */
import { basePath } from '../http/api.js'
import type { Router } from '../http/router.js'

export function addSideload(router: Router, sources: { reload(): Promise<void> }): void {
  router.add('POST', `${basePath}/sideload/reload`, async (call) => {
    await sources.reload()
    call.empty(204)
  })
}
