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

/** The command is done and has said what there is to say; the exit code is not 0. */
export class ExitCode extends Error {
  constructor(readonly code: number) {
    super(`exit code ${code}`)
  }
}

/** Wrong arguments: message and usage on stderr, exit 2. */
export class UsageError extends Error {}
