/** The commands of the CLI, in the order they are listed. Adding one is one file and one line here. */
import type { Command } from './command.js'
import { check } from './commands/check.js'
import { define } from './commands/define.js'
import { remove } from './commands/delete.js'
import { list } from './commands/list.js'
import { show } from './commands/show.js'
import { stats } from './commands/stats.js'
import { disable, enable, reload } from './commands/status.js'
import { level, logs, vars, version, watch } from './commands/system.js'

export const commands: readonly Command[] = [
  define,
  enable,
  disable,
  reload,
  remove,
  list,
  show,
  watch,
  logs,
  level,
  stats,
  version,
  vars,
  check,
]
