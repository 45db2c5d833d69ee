/** What a command of the CLI is: one file below commands/, one line in commands.ts. */
import type { Client } from './client.js'

export interface CommandContext {
  readonly client: Client
  out(text: string): void
  error(text: string): void
}

export interface Command {
  readonly name: string
  /** One line in the list of commands. */
  readonly summary: string
  /** Printed by `help NAME` and behind usage errors. */
  readonly usage: string
  run(args: readonly string[], context: CommandContext): Promise<void>
}

/** Wrong arguments: message and usage on stderr, exit 2. */
export class UsageError extends Error {}
