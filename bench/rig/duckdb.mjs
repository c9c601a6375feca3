// What DuckDB does with a dump of chats. Called by rig: node duckdb.mjs FORM GLOB OUT THREADS SCHEMA
import { DuckDBInstance } from '@duckdb/node-api'
import { readFileSync, writeFileSync } from 'node:fs'

const [form, glob, out, threads, schema] = process.argv.slice(2)
const db = await (await DuckDBInstance.create(':memory:', { threads })).connect()
const rows = async (sql) => (await db.runAndReadAll(sql)).getRowObjectsJson()
const quoted = (s) => `'${s.replaceAll("'", "''")}'`
// With the columns given, as chatferry has them given, DuckDB reads the dump once and does not guess.
const source = () => {
  const given = JSON.parse(readFileSync(schema)).map(([name, type]) => `${quoted(name)}: ${quoted(type)}`)
  return `read_json(${quoted(glob)}, format = 'newline_delimited', columns = {${given}})`
}
const to = (table) => `TO ${quoted(`${out}/${table}.parquet`)} (FORMAT parquet, COMPRESSION zstd)`
const lists = { chat_history: 'history', chat_webpath: 'webpath', chat_engagements: 'engagements', chat_conversions: 'conversions' }

// The columns that the dump turns out to have.
const columns = async (from) => new Map((await rows(`DESCRIBE SELECT * FROM ${from}`)).map((r) => [r.column_name, r.column_type]))

const forms = {
  // The columns of all records, for the other forms.
  async schema() {
    const found = await columns(`read_json(${quoted(glob)}, format = 'newline_delimited', sample_size = -1, union_by_name = true)`)
    writeFileSync(schema, JSON.stringify([...found]))
  },
  // One file whose columns are nested as the JSON is.
  async nested() {
    await db.run(`COPY (SELECT * FROM ${source()}) ${to('chats')}`)
  },
  // The tables that chatferry makes: the JSON is parsed once, and written five times.
  async flat() {
    await db.run(`CREATE TABLE raw AS SELECT * FROM ${source()}`)
    const there = await columns('raw')
    const nested = Object.entries(lists).filter(([, list]) => there.has(list))
    await db.run(`COPY (SELECT * EXCLUDE (${nested.map(([, list]) => list)}) FROM raw) ${to('chats')}`)
    for (const [table, list] of nested) {
      const element = there.get(list).startsWith('STRUCT') ? `unnest(${list}, max_depth := 2)` : `unnest(${list}) AS element`
      await db.run(`COPY (SELECT id AS chat_id, unnest(range(len(${list}))) AS index, ${element} FROM raw) ${to(table)}`)
    }
  },
  // How many rows the files of either form hold, for each table.
  async count() {
    const found = {}
    for (const { file } of await rows(`SELECT file FROM glob(${quoted(`${out}/*.parquet`)})`)) {
      const table = file.replace(/.*\//, '').replace('.parquet', '')
      const there = await columns(quoted(file))
      const counts = ['count(*) AS n']
      for (const [child, list] of Object.entries(lists)) if (there.has(list)) counts.push(`sum(len(${list})) AS ${child}`)
      const { n, ...children } = (await rows(`SELECT ${counts} FROM ${quoted(file)}`))[0]
      found[table] = Number(n)
      for (const [child, k] of Object.entries(children)) found[child] = Number(k ?? 0)
    }
    console.log(JSON.stringify(found))
  },
}
await forms[form]()
