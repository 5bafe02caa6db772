// Package controlplanes holds the importer to what control planes themselves make of a
// policy. It is a module of its own: a control plane brings hundreds of modules, and takes
// minutes to compile.
package controlplanes
