package main

import (
	"os"
	"testing"

	"bearerauth/e2e/envoy"
)

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }
