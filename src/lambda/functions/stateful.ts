/**
 * Stateful functions (spec tickscript 8.6). State is float64 slots, zeroed at first:
 *   count    [n]
 *   sigma    [n, mean, m2]          Welford's running variance
 *   spread   [seen, min, max]       seen = 0: nothing yet, the range starts at (+Inf, −Inf) Thread: any.
 */
import { Type } from '../types.js'
import { type FunctionDef, sig } from './function-def.js'

const { Int, Float } = Type

function stepCount(state: Float64Array, at: number): number {
  state[at]++
  return state[at]
}

function stepSigma(state: Float64Array, at: number, x: number): number {
  const n = state[at] + 1
  const delta = x - state[at + 1]
  const mean = state[at + 1] + delta / n
  const m2 = state[at + 2] + delta * (x - mean)
  state[at] = n
  state[at + 1] = mean
  state[at + 2] = m2
  const variance = m2 / (n - 1)
  return n < 2 || variance === 0 ? 0 : Math.abs(x - mean) / Math.sqrt(variance)
}

function stepSpread(state: Float64Array, at: number, x: number): number {
  if (state[at] === 0) {
    state[at] = 1
    state[at + 1] = Infinity
    state[at + 2] = -Infinity
  }
  if (x < state[at + 1]) state[at + 1] = x
  if (x > state[at + 2]) state[at + 2] = x
  return state[at + 2] - state[at + 1]
}

function calledThroughStep(): never {
  throw new Error('stateful functions are evaluated with their state')
}

export const statefulFunctions: readonly FunctionDef[] = [
  {
    name: 'count',
    family: 'stateful',
    doc: 'How often this function was evaluated, this time included.',
    params: [],
    signatures: [sig([], Int)],
    call: calledThroughStep,
    stateSlots: 1,
    step: stepCount,
  },
  {
    name: 'sigma',
    family: 'stateful',
    doc: 'Distance of x from the running mean, in standard deviations.',
    params: ['x'],
    signatures: [sig([Float], Float)],
    call: calledThroughStep,
    stateSlots: 3,
    step: stepSigma,
  },
  {
    name: 'spread',
    family: 'stateful',
    doc: 'Range of all values so far: maximum − minimum.',
    params: ['x'],
    signatures: [sig([Float], Float)],
    call: calledThroughStep,
    stateSlots: 3,
    step: stepSpread,
  },
]
