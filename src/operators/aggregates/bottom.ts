import { bestRows } from './best-rows.js'

export const bottom = bestRows('bottom', -1)
