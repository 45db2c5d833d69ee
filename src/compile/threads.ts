/** Where the threads start whose work is to run scripts: main names them to those who start threads, without loading them. Thread: main. */
import { builtFile } from '../built-file.js'

/** Entry point of a shard's thread (shard-thread.ts): EngineOptions.shardThread. */
export const shardThread = builtFile('./shard-thread.js', import.meta.url)

/** Entry point of the threads that evaluate scripts (script-thread.ts): JobThread. */
export const scriptThread = builtFile('./script-thread.js', import.meta.url)
