//go:build tools

// Package peers pins the versions of the programs that the tests of notifications send to.
// It is never compiled: it only keeps the modules in go.mod.
package peers

import (
	_ "github.com/axllent/mailpit"
	_ "github.com/prometheus/alertmanager/cmd/alertmanager"
)
