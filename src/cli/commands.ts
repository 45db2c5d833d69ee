/** The commands of the CLI, in the order they are listed. Adding one is one file and one line here. */
import type { Command } from './command.js'
import { check } from './commands/check.js'
import { define } from './commands/define.js'
import { defineTemplate } from './commands/define-template.js'
import { defineTopicHandler } from './commands/define-topic-handler.js'
import { remove } from './commands/delete.js'
import { explain } from './commands/explain.js'
import { list } from './commands/list.js'
import { record } from './commands/record.js'
import { replay } from './commands/replay.js'
import { serviceTests } from './commands/service-tests.js'
import { show } from './commands/show.js'
import { showTemplate } from './commands/show-template.js'
import { showTopic, showTopicHandler } from './commands/show-topic.js'
import { stats } from './commands/stats.js'
import { disable, enable, reload } from './commands/status.js'
import { level, logs, vars, version, watch } from './commands/system.js'

export const commands: readonly Command[] = [
  define,
  defineTemplate,
  defineTopicHandler,
  record,
  replay,
  enable,
  disable,
  reload,
  remove,
  list,
  show,
  showTemplate,
  showTopicHandler,
  showTopic,
  watch,
  logs,
  level,
  stats,
  version,
  vars,
  serviceTests,
  check,
  explain,
]
