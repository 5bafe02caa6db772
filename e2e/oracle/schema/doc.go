// Package schema holds config.schema.json to the parser: what the schema
// refuses the parser refuses, and what only the parser can know is listed.
package schema
