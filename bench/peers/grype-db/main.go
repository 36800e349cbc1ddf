// Builds grype's database from advisories in the forms that its providers have:
//
//	grype-db IN OUT
//
// IN/PROVIDER.jsonl has one record a line, as vunnel wraps it: {"schema":"https://…","identifier":"…","item":{…}}. OUT gets the
// database, vulnerability.db, which grype imports from an archive.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anchore/grype/grype/db"
	"github.com/anchore/grype/grype/db/provider"
)

// The longest record; those of the kernel have some hundred kilobytes.
const longest = 64 << 20

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: grype-db IN OUT")
	}
	if err := build(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func build(in, out string) error {
	lists, err := filepath.Glob(filepath.Join(in, "*.jsonl"))
	if err != nil {
		return err
	}
	if len(lists) == 0 {
		return fmt.Errorf("no *.jsonl in %s", in)
	}
	work, err := os.MkdirTemp("", "grype-db")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var states provider.States
	for _, list := range lists {
		state, err := workspace(work, list)
		if err != nil {
			return fmt.Errorf("%s: %w", list, err)
		}
		states = append(states, *state)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	return db.Build(db.BuildConfig{
		SchemaVersion:   6,
		Directory:       out,
		States:          states,
		Timestamp:       time.Now(),
		IncludeCPEParts: []string{"a"},
		Hydrate:         true,
	})
}

// workspace lays out the records of one provider as vunnel does.
func workspace(root, list string) (*provider.State, error) {
	name := strings.TrimSuffix(filepath.Base(list), ".jsonl")
	writer := provider.NewWorkspaceWriter(root, name)
	file, err := os.Open(list)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var files []provider.File
	var schema string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		if schema == "" {
			var first struct{ Schema string }
			if err := json.Unmarshal(lines.Bytes(), &first); err != nil {
				return nil, err
			}
			schema = first.Schema
		}
		written, err := writer.WriteResult(fmt.Sprintf("%07d.json", len(files)), lines.Bytes())
		if err != nil {
			return nil, err
		}
		files = append(files, *written)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if err := writer.WriteListing(files); err != nil {
		return nil, err
	}
	state := provider.State{
		Provider:  name,
		Version:   1,
		Processor: "bench/findings",
		Schema:    provider.Schema{Version: "1.0.0", URL: schema},
		Timestamp: time.Now(),
		Listing:   &provider.File{Path: "results/listing.xxh64", Algorithm: "xxh64"},
		Store:     "flat-file",
	}
	if err := writer.WriteState(state); err != nil {
		return nil, err
	}
	return provider.ReadState(filepath.Join(writer.Path(), "metadata.json"))
}
