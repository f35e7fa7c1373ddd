//go:build tools

// Package checkers pins the versions of the programs that the tests of the chart and of deploy/ run.
// It is never compiled: it only keeps the modules in go.mod.
package checkers

import (
	_ "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
	_ "helm.sh/helm/v4/cmd/helm"
)
