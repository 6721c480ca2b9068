// pgx: see ../README.md.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const query = "select case when pg_is_in_recovery() then 'standby' else 'primary' end"
const tries = 4

// pool is made at the first look and kept.
var pools = map[string]*pgxpool.Pool{}

func kept(ctx context.Context, name, uri string) (found string, err error) {
	if pools[name] == nil {
		if pools[name], err = pgxpool.New(ctx, uri); err != nil {
			delete(pools, name)
			return
		}
	}
	err = pools[name].QueryRow(ctx, query).Scan(&found)
	return
}

func fresh(ctx context.Context, _, uri string) (found string, err error) {
	connection, err := pgx.Connect(ctx, uri)
	if err != nil {
		return
	}
	defer connection.Close(ctx)
	err = connection.QueryRow(ctx, query).Scan(&found)
	return
}

func answer(ask func(context.Context, string, string) (string, error), name, uri string) string {
	var said string
	for i := 0; i < tries; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		found, err := ask(ctx, name, uri)
		cancel()
		if err == nil {
			return found
		}
		said = strings.NewReplacer("\n", " ", "\t", " ").Replace(err.Error())
	}
	return said
}

func main() {
	var names []string
	uris := map[string]string{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if name, uri, found := strings.Cut(lines.Text(), "\t"); found {
			if _, known := uris[name]; !known {
				names = append(names, name)
			}
			uris[name] = uri
			continue
		}
		for _, name := range names {
			uri := uris[name]
			fmt.Printf("pgx\t%s\t%s\t%s\n", name, answer(kept, name, uri), answer(fresh, name, uri))
		}
		fmt.Println()
	}
}
