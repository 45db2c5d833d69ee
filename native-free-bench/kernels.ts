/** Runs the kernels with tinybench: rows per second of one core, and what bounds them. */
import { readdirSync } from 'node:fs'
import { Bench } from 'tinybench'
import { millions, type Progress, record, Table } from './report.js'

interface Kernel {
  readonly rowsPerOperation: number
  readonly boundBy: string
  add(bench: Bench): void
}

export async function runKernels(filter: RegExp, timeMs: number, progress: Progress): Promise<void> {
  const folder = new URL('./kernels/', import.meta.url)
  const files = readdirSync(folder).filter((f) => f.endsWith('.bench.js') && filter.test(f))
  const table = new Table(
    'Kernels, one core',
    ['kernel', 'rows/s', 'ns/row'],
    ['-'.repeat(64), '999.99 M', '9999.9'],
    progress,
  )
  for (const [i, file] of files.entries()) {
    const name = file.replace('.bench.js', '')
    progress.show(`kernels: ${name}, ${i + 1} of ${files.length}`)
    const kernel = (await import(new URL(file, folder).href)) as Kernel
    const bench = new Bench({ time: timeMs, warmupTime: timeMs / 3 })
    kernel.add(bench)
    bench.addEventListener('cycle', (event) => {
      const { task } = event
      if (task === undefined) return
      const { result } = task
      if (result.state !== 'completed') throw new Error(`${file}: ${task.name} did not complete (${result.state})`)
      // The median of the samples: other work on the machine moves the mean, not the median.
      const rowsPerSecond = (kernel.rowsPerOperation * 1000) / result.latency.p50
      table.row([task.name, millions(rowsPerSecond), (1e9 / rowsPerSecond).toFixed(1)])
      record('kernels', { kernel: task.name, rowsPerSecond: Math.round(rowsPerSecond), boundBy: kernel.boundBy })
      progress.show(`kernels: ${name}, ${i + 1} of ${files.length}`)
    })
    await bench.run()
    table.note(`bound by: ${kernel.boundBy}`)
  }
}
