/**
 * The floors of the source tree, from the top down. A room is a file or folder below `src`; of nested ones the longest path
 * counts. Imports go down: to rooms of lower floors, or within the room.
 */
export const floors: readonly (readonly string[])[] = [
  ['daemon.ts', 'cli.ts', 'demo.ts', 'docs'],
  ['server.ts', 'demo'],
  ['api', 'index.ts'],
  ['runtime.ts'],
  ['cli', 'sinks', 'recordings', 'observe'],
  ['tasks'],
  ['compile', 'alerts'],
  ['engine'],
  ['shard'],
  ['operators'],
  ['plan', 'ingest'],
  ['lambda', 'transport', 'alert-handlers'],
  ['state', 'tickscript', 'templates', 'influxdb', 'http', 'storage'],
  ['columns', 'influxql', 'config', 'net'],
  ['closing.ts', 'last-words.ts'],
  [
    'go',
    'restart-policy.ts',
    'log.ts',
    'log-limit.ts',
    'flags.ts',
    'identity.ts',
    'built-file.ts',
    'regular-file.ts',
    'abortable.ts',
    'deadline.ts',
    'turns.ts',
  ],
  ['errors.ts'],
  ['error-codes.ts', 'version.ts'],
]
