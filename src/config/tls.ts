/** The four options by which sections name certificates of connections out. Thread: main, and the command line. */
import { flag, text, type Values } from './option.js'

export const tlsOptions = {
  'ssl-ca': text('', 'CA file.'),
  'ssl-cert': text('', 'Certificate file.'),
  'ssl-key': text('', 'Key file.'),
  'insecure-skip-verify': flag(false, 'Do not verify certificates.'),
}

/** As net/tls-files.ts takes them. */
export function tlsFiles(section: Values<typeof tlsOptions>): {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly insecureSkipVerify: boolean
} {
  return {
    ca: section['ssl-ca'],
    cert: section['ssl-cert'],
    key: section['ssl-key'],
    insecureSkipVerify: section['insecure-skip-verify'],
  }
}
