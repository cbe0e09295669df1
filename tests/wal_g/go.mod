module walgbuild

go 1.26

require github.com/wal-g/wal-g v1.1.3-rc
