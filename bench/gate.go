package bench

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Gate is what is recorded of a measurement, to be held against later ones on the same kind of machine: of each stage, and
// of the whole, the share of its floors. Never a speed: how fast a machine is, and what else it does, is in both sides.
type Gate struct {
	Config  string             `json:"config"`
	Machine string             `json:"machine"`
	Of      map[string]float64 `json:"of_floors"`
}

// GateOf is what a report has to record.
func GateOf(r *Report) *Gate {
	g := &Gate{Config: r.Config, Machine: r.Machine, Of: map[string]float64{}}
	for _, f := range r.Figures {
		g.Of[f.Stage] = math.Round(f.OfFloors*1000) / 1000 // what lies behind is noise
	}
	return g
}

// GateLeast is the share of what is recorded below which a stage has become too slow.
const GateLeast = 0.9

// Judge holds a measurement against what is recorded, and says of each stage that falls short by how much.
func (g *Gate) Judge(measured *Gate) []string {
	var short []string
	if g.Config != measured.Config {
		return []string{fmt.Sprintf("%s is recorded, %s was measured", g.Config, measured.Config)}
	}
	for _, stage := range slices.Sorted(maps.Keys(g.Of)) {
		is, ok := measured.Of[stage]
		switch was := g.Of[stage]; {
		case !ok:
			short = append(short, stage+" was not measured")
		case !(is >= GateLeast*was): // what is not a number falls short too
			short = append(short, fmt.Sprintf("%s: %.3f of its floors, %.3f are recorded: %.0f %%", stage, is, was, 100*is/was))
		}
	}
	for _, stage := range slices.Sorted(maps.Keys(measured.Of)) {
		if _, ok := g.Of[stage]; !ok {
			short = append(short, stage+" is not recorded")
		}
	}
	return short
}
