package install

import "slices"

// Running are those of the clients whose programs run and, as some do, may
// write their configuration again with what they read when they started. It is
// a guess, by name.
func Running(clients []*Client) []*Client {
	names := processes()
	return slices.DeleteFunc(slices.Clone(clients), func(c *Client) bool {
		return !slices.ContainsFunc(c.Rewrites, func(name string) bool { return names[name] })
	})
}
