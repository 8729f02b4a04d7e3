// Package page is what people see of a log in a browser.
package page
