// A program of Alpaca's Go SDK, as its users write it: main URL FIRST SECOND
//
// Watches the trades of FIRST and SECOND and the bars of everything. Told by a line of standard input, it drops FIRST
// and adds quotes, which have nothing here.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata/stream"
)

func main() {
	url, first, second := os.Args[1], os.Args[2], os.Args[3]
	number := func(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
	onTrade := func(t stream.Trade) {
		fmt.Println("trade", t.Symbol, number(t.Price), t.Size, t.Timestamp.UTC().Format("2006-01-02T15:04:05.000000Z"))
	}
	client := stream.NewStocksClient(
		"live",
		stream.WithBaseURL(url+"/v1"),
		stream.WithCredentials("any", "any"),
		stream.WithReconnectSettings(1, 0),
		stream.WithProcessors(1),
		stream.WithTrades(onTrade, first, second),
		stream.WithBars(func(b stream.Bar) { fmt.Println("bar", b.Symbol, number(b.Close), b.Volume) }, "*"),
	)
	must(client.Connect(context.Background()))
	fmt.Println("subscribed")
	lines := bufio.NewScanner(os.Stdin)
	lines.Scan()
	must(client.UnsubscribeFromTrades(first))
	must(client.SubscribeToQuotes(func(stream.Quote) {}, "*"))
	fmt.Println("changed")
	lines.Scan()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
