package text

// Diff is what makes b of a, line by line: each line with "-" or "+" before it, or a
// blank for those around a change, context of them at most. "..." means lines
// that are left out. It is nil if the two are the same.
func Diff(a, b []string, context int) []string {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	if start == len(a) && start == len(b) {
		return nil
	}
	var all []string
	for _, line := range a[:start] {
		all = append(all, " "+line)
	}
	all = append(all, middle(a[start:len(a)-end], b[start:len(b)-end])...)
	for _, line := range a[len(a)-end:] {
		all = append(all, " "+line)
	}
	return near(all, context)
}

// maxTable bounds the table of the longest common subsequence: beyond it, all of one
// text is replaced by all of the other.
const maxTable = 4 << 20

// middle is Diff of texts that differ at both ends, whole.
func middle(a, b []string) (out []string) {
	if len(a)*len(b) > maxTable {
		for _, line := range a {
			out = append(out, "-"+line)
		}
		for _, line := range b {
			out = append(out, "+"+line)
		}
		return out
	}
	// common[i][j] is how many lines a[i:] and b[j:] have in common, in order.
	width := len(b) + 1
	common := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, " "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[(i+1)*width+j] >= common[i*width+j+1]:
			out = append(out, "-"+a[i])
			i++
		default:
			out = append(out, "+"+b[j])
			j++
		}
	}
	return out
}

// near leaves out lines that are far from a change.
func near(all []string, context int) (out []string) {
	last := -1 // the last line that was taken
	take := func(to int) {
		for last++; last <= to; last++ {
			out = append(out, all[last])
		}
		last = to
	}
	for i, line := range all {
		if line[0] == ' ' {
			continue
		}
		if from := i - context; from > last+1 {
			out = append(out, "...")
			last = from - 1
		}
		take(i)
		// Those after it, up to the next change.
		for k := i + 1; k <= i+context && k < len(all) && all[k][0] == ' '; k++ {
			take(k)
		}
	}
	if last < len(all)-1 {
		out = append(out, "...")
	}
	return out
}
