//go:build tools

// Package kubectl names the main package that hack/upstream builds.
package kubectl

import _ "k8s.io/kubernetes/cmd/kubectl"
