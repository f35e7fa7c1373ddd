//go:build tools

// Package controlplane pins the versions of the programs that the cluster tests and the demo run.
// It is never compiled: it only keeps the modules in go.mod.
package controlplane

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
