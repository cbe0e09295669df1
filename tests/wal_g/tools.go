//go:build tools

// What the tests build of WAL-G: its program for PostgreSQL, of the one version that the module registry serves.
package tools

import _ "github.com/wal-g/wal-g/main/pg"
