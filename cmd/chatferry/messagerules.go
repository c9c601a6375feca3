package main

import (
	"chatferry/cmd/chatferry/tickets"
	"chatferry/transform"
)

// ticketsShape is how the content of --tickets stands among the settings that shape a dataset: wherever the file lies, the
// same export leaves the same records out.
const ticketsShape = "tickets-sha256"

// rules are those by which records are converted.
func (c *carriage) rules() transform.Options {
	return transform.Options{Tickets: c.tickets, Suspects: transform.Suspects(c.MessageSuspects.String())}
}

// shape are the settings that shape the dataset. A call that converts no record takes over what the last run said of the
// tickets, whose file it does not need.
func (c *carriage) shape() map[string]string {
	m, export := c.fields(shaping), c.export
	if c.compacts() && c.before != nil {
		runs := c.before.Runs()
		export = runs[len(runs)-1].Shaping[ticketsShape]
	}
	if export != "" {
		m[ticketsShape] = export
	}
	return m
}

// readTickets reads the export of --tickets.
func (c *carriage) readTickets() error {
	if c.Tickets == "" || c.compacts() {
		return nil
	}
	x, err := tickets.Read(string(c.Tickets))
	if err != nil {
		return err
	}
	if x.Tickets.Len() == 0 {
		c.log.Warn("no ticket came through a social network", "file", string(c.Tickets), "tickets", x.Rows)
	}
	c.tickets, c.export = x.Tickets, x.SHA256.String()
	return nil
}
