// Builds trivy's database from advisories in the form that it keeps:
//
//	trivy-db IN OUT
//
// IN has one advisory about one package a line: {"bucket":"pip::OSV","ecosystem":"pip","package":"…","id":"…","advisory":{…}}.
// OUT gets db/trivy.db and db/metadata.json, as below trivy's cache folder.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/ecosystem"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/vulnerability"
	bolt "go.etcd.io/bbolt"
)

const longest = 64 << 20

type line struct {
	Bucket    string
	Ecosystem string // of a language; empty for a distribution, whose names are as they are
	Package   string
	ID        string
	Advisory  types.Advisory
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: trivy-db IN OUT")
	}
	if err := build(os.Args[1], filepath.Join(os.Args[2], "db")); err != nil {
		log.Fatal(err)
	}
}

func build(in, out string) error {
	file, err := os.Open(in)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := db.Init(out); err != nil {
		return err
	}
	config := db.Config{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, longest)
	sources := map[string]bool{}
	err = config.BatchUpdate(func(tx *bolt.Tx) error {
		for lines.Scan() {
			var it line
			if err := json.Unmarshal(lines.Bytes(), &it); err != nil {
				return err
			}
			if !sources[it.Bucket] {
				sources[it.Bucket] = true
				source := types.DataSource{ID: "osv", Name: "bench/findings", URL: "https://osv.dev"}
				if err := config.PutDataSource(tx, it.Bucket, source); err != nil {
					return err
				}
			}
			name := it.Package
			if it.Ecosystem != "" {
				name = vulnerability.NormalizePkgName(ecosystem.Type(it.Ecosystem), name)
			}
			if err := config.PutAdvisory(tx, []string{it.Bucket, name}, it.ID, it.Advisory); err != nil {
				return err
			}
			if err := config.PutVulnerability(tx, it.ID, types.Vulnerability{Title: it.ID}); err != nil {
				return err
			}
		}
		return lines.Err()
	})
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	now := time.Now().UTC()
	return metadata.NewClient(out).Update(metadata.Metadata{
		Version:      db.SchemaVersion,
		NextUpdate:   now.Add(24 * time.Hour),
		UpdatedAt:    now,
		DownloadedAt: now,
	})
}
