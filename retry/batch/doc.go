// Package batch runs many transfers over one retry.Client: a night's work that
// finishes, and a report of it.
package batch
