import { bestRows } from './best-rows.js'

export const top = bestRows('top', 1)
