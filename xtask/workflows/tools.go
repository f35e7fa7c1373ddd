//go:build tools

// Package workflows pins the version of the program that the tests of .github/workflows run. It has a module of its own, since it does not
// build with the YAML library of the other checkers. It is never compiled: it only keeps the module in go.mod.
package workflows

import _ "github.com/rhysd/actionlint/cmd/actionlint"
