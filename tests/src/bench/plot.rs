//! Pictures for `docs/benchmarks`, as SVG.

use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::{coord::Shift, prelude::*};

use super::{growth::Curve, kinds::Row};

const SIZE: (u32, u32) = (760, 420);
const FONT: &str = "sans-serif";
/// Of tgdns, and of what it is held against.
const OURS: RGBColor = RGBColor(31, 119, 180);
const FLOOR: RGBColor = RGBColor(160, 160, 160);

type Area<'p> = DrawingArea<SVGBackend<'p>, Shift>;

/// The costs by kind of frame, beside the floor's, as bars of the least and the middle.
pub fn frames(file: &Path, rows: &[Row]) -> Result<()> {
    draw(file, |area| {
        let most = rows.iter().map(|row| row.tgdns.median.max(row.floor.median)).fold(1.0, f64::max);
        let names: Vec<String> = rows.iter().map(|row| row.name.to_owned()).collect();
        let count = rows.len();
        let mut chart = ChartBuilder::on(area)
            .caption("an answer by kind of frame (grey: the floor), net ns, least and middle", (FONT, 16))
            .margin(12)
            .x_label_area_size(30)
            .y_label_area_size(190)
            .build_cartesian_2d(0.0..most * 1.1, 0.0..count as f64)?;
        chart.configure_mesh().disable_y_mesh().x_desc("nanoseconds").y_labels(0).draw()?;
        for (index, row) in rows.iter().enumerate() {
            // The first row is on top.
            let bottom = (count - 1 - index) as f64;
            let bar = |from: f64, to: f64, low: f64, color: &RGBColor| {
                Rectangle::new([(from, bottom + low), (to, bottom + low + 0.36)], color.filled())
            };
            for (spread, low, color) in [(row.tgdns, 0.1, OURS), (row.floor, 0.5, FLOOR)] {
                chart.draw_series([bar(0.0, spread.min, low, &color)])?;
                chart.draw_series([Rectangle::new(
                    [(spread.min, bottom + low), (spread.median, bottom + low + 0.36)],
                    color.mix(0.4).filled(),
                )])?;
            }
            let place = chart.backend_coord(&(0.0, bottom + 0.5));
            area.draw(&Text::new(names[index].clone(), (12, place.1 - 6), (FONT, 13)))?;
        }
        Ok(())
    })
}

/// What an answer costs as something grows: the least, and above it the middle, paler.
pub fn curve(file: &Path, curve: &Curve) -> Result<()> {
    draw(file, |area| {
        let most = curve.points.iter().map(|point| point.cost.median).fold(1.0, f64::max);
        let last = curve.points.last().map_or(1.0, |point| point.size as f64);
        let mut chart = ChartBuilder::on(area)
            .caption(curve.counted, (FONT, 16))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(50)
            .build_cartesian_2d((1.0..last).log_scale(), 0.0..most * 1.15)?;
        chart
            .configure_mesh()
            .x_desc(curve.counted)
            .y_desc("net ns")
            .x_label_formatter(&|size| grouped(*size as u64))
            .draw()?;
        let points = |cost: fn(&super::growth::Point) -> f64| -> Vec<(f64, f64)> {
            curve.points.iter().map(|point| (point.size as f64, cost(point))).collect()
        };
        chart
            .draw_series(LineSeries::new(points(|point| point.cost.median), OURS.mix(0.4).stroke_width(2)))?;
        chart.draw_series(LineSeries::new(points(|point| point.cost.min), OURS.stroke_width(2)))?;
        chart.draw_series(
            points(|point| point.cost.min).iter().map(|at| Circle::new(*at, 3, OURS.filled())),
        )?;
        Ok(())
    })
}

fn draw(file: &Path, picture: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<()> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    let drawn = area.fill(&WHITE).map_err(Into::into).and_then(|()| picture(&area));
    drawn.with_context(|| format!("drawing {}", file.display()))?;
    area.present().with_context(|| format!("writing {}", file.display()))
}

/// With a blank between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_threes() {
        for (number, expected) in [(1, "1"), (1000, "1 000"), (16_777_216, "16 777 216")] {
            assert_eq!(grouped(number), expected);
        }
    }
}
