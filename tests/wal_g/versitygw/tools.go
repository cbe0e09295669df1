//go:build tools

// What the tests build of versitygw: an S3 server over a folder, with versions and an Object Lock that holds.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
