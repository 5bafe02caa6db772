module bearerauth/e2e

go 1.26.0

replace bearerauth => ../

require (
	bearerauth v0.0.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	golang.org/x/net v0.62.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	golang.org/x/text v0.43.0 // indirect
)
