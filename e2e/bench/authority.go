package main

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// authority is the cluster of the server that is asked about tokens.
const (
	authority     = "authority"
	authorityHost = "authority.example"
	allowPath     = "/allow"
)

// startAuthority serves answers of RFC 7662 until the bench ends: /active calls
// every token active, /inactive none. Below /allow is a 200 for ext_authz. Rows
// that remember ask once, before they are measured.
func startAuthority() (port int, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("authorization server: %w", err)
	}
	mux := http.NewServeMux()
	for path, answer := range map[string]string{
		"/active":       `{"active":true,"sub":"client-0","client_id":"app","scope":"orders:read orders:write","tier":"gold","org":"acme"}`,
		"/inactive":     `{"active":false}`,
		allowPath + "/": "",
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer)) // Envoy may have closed the connection
		})
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // until the process ends
	return listener.Addr().(*net.TCPAddr).Port, nil
}
