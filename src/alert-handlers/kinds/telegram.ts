/** Sends the message to a Telegram chat. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { flag, text } from '../handler-option.js'

export const telegram = defineHandler({
  kind: 'telegram',
  doc: 'Sends the message to a Telegram chat.',
  script: { method: 'telegram', goType: 'TelegramHandler' },
  goType: '*telegram.HandlerConfig',
  options: {
    chatId: text('Chat.'),
    parseMode: text('Markdown or HTML.'),
    disableWebPagePreview: flag('No preview of links.'),
    disableNotification: flag('Silent message.'),
  },
  section: {
    name: 'telegram',
    doc: 'Telegram.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      url: config.text('https://api.telegram.org/bot', 'Address of the API.'),
      token: config.text('', 'Token of the bot.'),
      'chat-id': config.text('', 'Chat where a handler names none.'),
      'parse-mode': config.text('', 'Markdown or HTML.'),
      'disable-web-page-preview': config.flag(false, 'No preview of links.'),
      'disable-notification': config.flag(false, 'Silent messages.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
      'state-changes-only': config.flag(false, 'With global: all alerts send changes of state only.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('telegram', env),
})
